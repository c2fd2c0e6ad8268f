// The small one: no GPU and no scheduler. One replica always runs, for nothing would wake the app.
using '../main.bicep'

param environmentName = 'omoai-small'
param location = 'westeurope'
param backend = 'AzureStorage'
param gpu = false
param maxReplicas = 1

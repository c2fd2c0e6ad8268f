// Two apps on one hub, so that only models hold a GPU; storage that only the environment and one office can reach.
using '../main.bicep'

param environmentName = 'omoai-split'
param location = 'swedencentral'
param backend = 'DurableTaskScheduler'
param splitApps = true
param maxReplicas = 2
param maxFrontReplicas = 5
param privateNetwork = true
param allowedIpRanges = ['203.0.113.0/24']
param modelShare = true
param registrySku = 'Premium'
param webhookSecret = readEnvironmentVariable('OMOAI_WEBHOOK_SECRET', '')

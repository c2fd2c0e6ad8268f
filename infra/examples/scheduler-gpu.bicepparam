// The default: one app on a T4, scaled to zero when there is nothing to do.
using '../main.bicep'

param environmentName = 'omoai-gpu'
param location = 'swedencentral'
param backend = 'DurableTaskScheduler'
param gpu = true
param gpuProfileType = 'Consumption-GPU-NC8as-T4'
param maxReplicas = 1
param modelShare = true

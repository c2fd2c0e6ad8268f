// The Container Apps environment with its workload profiles.

param name string
param location string
param tags object
param workspaceId string

@description('The GPU profile; empty for an environment without GPU.')
param gpuProfileType string

@description('The subnet of the environment; empty for a network of the platform.')
param subnetId string

@description('Account of the Azure Files share with models; empty for none.')
param modelAccountName string
param modelShareName string

// Consumption profiles, those with a GPU too, take no minimum and maximum: the apps say how many replicas they want.
var consumption = [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
var gpu = empty(gpuProfileType) ? [] : [{ name: 'gpu', workloadProfileType: gpuProfileType }]

resource environment 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    workloadProfiles: concat(consumption, gpu)
    // By diagnostic settings and not by the workspace's key.
    appLogsConfiguration: { destination: 'azure-monitor' }
    // Not internal: Event Grid comes in from outside.
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: false }
    zoneRedundant: false
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: environment
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'ContainerAppConsoleLogs', enabled: true }
      { category: 'ContainerAppSystemLogs', enabled: true }
    ]
  }
}

resource modelAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = if (!empty(modelAccountName)) {
  name: empty(modelAccountName) ? 'none' : modelAccountName
}

resource models 'Microsoft.App/managedEnvironments/storages@2025-07-01' = if (!empty(modelAccountName)) {
  parent: environment
  name: 'models'
  properties: {
    azureFile: {
      accountName: modelAccountName
      accountKey: modelAccount!.listKeys().keys[0].value
      shareName: modelShareName
      accessMode: 'ReadOnly'
    }
  }
}

output id string = environment.id
output defaultDomain string = environment.properties.defaultDomain
output modelStorageName string = empty(modelAccountName) ? '' : models.name

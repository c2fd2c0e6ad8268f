// The storage account: recordings, artifacts, outputs, dead letters, and what the Functions host itself needs.
// No shared keys: every access is by an identity, and upload URLs are signed with a user delegation key.

import { roles } from 'roles.bicep'

param name string
param location string
param tags object

@description('The identity of the apps.')
param appPrincipalId string

@description('A person, or a pipeline, that may read and write blobs too; empty for nobody.')
param operatorPrincipalId string

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string

@description('Refuses every network but the private endpoints, the addresses in allowedIpRanges and trusted Azure services.')
param privateOnly bool

@description('Public addresses or CIDR ranges that are let in although privateOnly is set.')
param allowedIpRanges string[]

@description('Intermediate artifacts are deleted after this many days.')
@minValue(2)
param keepWorkDays int

// As in ArtifactNames of Omoai.Pipeline; a test compares them. dead-letters is Event Grid's.
var containers = [
  'audio-in'
  'audio-api'
  'omoai-work'
  'transcripts'
  'dead-letters'
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // "Enabled" with "Deny" and not "Disabled": Event Grid comes in as a trusted service, to write dead letters.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
      ipRules: [for range in allowedIpRanges: { value: range, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    // What is purged is gone: no copy of a person's recording stays behind (docs/operations.md).
    deleteRetentionPolicy: { enabled: false }
    containerDeleteRetentionPolicy: { enabled: false }
    isVersioningEnabled: false
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in containers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

// The queues and tables themselves are made by the Functions host and by Durable Functions.
resource queues 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-work'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: ['blockBlob', 'appendBlob']
              prefixMatch: ['omoai-work/']
            }
            actions: {
              baseBlob: { delete: { daysAfterModificationGreaterThan: keepWorkDays } }
            }
          }
        }
      ]
    }
  }
}

// Owner and not Contributor: the Functions host takes leases on blobs of its own. It includes asking for a user
// delegation key, with which upload URLs are signed.
var appRoles = [
  roles.storageBlobDataOwner
  roles.storageQueueDataContributor
  roles.storageTableDataContributor
]

resource app 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in appRoles: {
    name: guid(account.id, appPrincipalId, role)
    scope: account
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(account.id, operatorPrincipalId, roles.storageBlobDataContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table

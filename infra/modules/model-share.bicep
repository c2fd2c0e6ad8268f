// An Azure Files share for models, in an account of its own: Container Apps mounts SMB shares with the account's key, and
// the account of the recordings has none.

param accountName string
param location string
param tags object

@description('Refuses every network but private endpoints and the addresses in allowedIpRanges.')
param privateOnly bool
param allowedIpRanges string[]

@minValue(1)
param quotaGib int

var shareName = 'models'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'None'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
      ipRules: [for range in allowedIpRanges: { value: range, action: 'Allow' }]
    }
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource share 'Microsoft.Storage/storageAccounts/fileServices/shares@2025-01-01' = {
  parent: files
  name: shareName
  properties: { shareQuota: quotaGib }
}

output id string = account.id
output accountName string = account.name
output shareName string = share.name

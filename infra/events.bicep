// Second phase: the subscriptions to what happens in the storage account. Event Grid asks the endpoint for a proof when
// they are made, so the app must run by then, and have its key. infra/hooks/postdeploy.sh deploys this.

@description('The system topic of the storage account.')
param topicName string

@description('The account with the recordings and with the container for dead letters.')
param storageAccountName string

@description('Host name of the app.')
@minLength(1)
param appHost string

@description('The app\'s system key blobs_extension.')
@secure()
@minLength(1)
param blobsExtensionKey string

var endpoint = 'https://${appHost}/runtime/webhooks/blobs'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

module uploads 'modules/event-subscription.bicep' = {
  params: {
    topicName: topicName
    name: 'audio-uploaded'
    endpointUrl: '${endpoint}?functionName=Host.Functions.AudioUploaded&code=${uriComponent(blobsExtensionKey)}'
    container: 'audio-in'
    deadLetterAccountId: account.id
  }
}

// Without dead letters of its own: they would be events here again.
module deadLetters 'modules/event-subscription.bicep' = {
  params: {
    topicName: topicName
    name: 'event-dead-lettered'
    endpointUrl: '${endpoint}?functionName=Host.Functions.EventDeadLettered&code=${uriComponent(blobsExtensionKey)}'
    container: 'dead-letters'
    deadLetterAccountId: ''
  }
}

// One function of the app, subscribed to the whole blobs that appear in one container.

param topicName string
param name string

@description('With the key of the app in it.')
@secure()
param endpointUrl string

param container string

@description('The account whose container dead-letters takes what can\'t be delivered; empty: that is dropped.')
param deadLetterAccountId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: endpointUrl
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${container}/'
      // What ends with a whole blob. PutBlock, CreateFile and the like come before it is one.
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['CopyBlob', 'PutBlob', 'PutBlockList', 'FlushWithClose']
        }
      ]
    }
    retryPolicy: { eventTimeToLiveInMinutes: 1440, maxDeliveryAttempts: 30 }
    deadLetterWithResourceIdentity: empty(deadLetterAccountId)
      ? null
      : {
          identity: { type: 'SystemAssigned' }
          deadLetterDestination: {
            endpointType: 'StorageBlob'
            properties: {
              resourceId: deadLetterAccountId
              blobContainerName: 'dead-letters'
            }
          }
        }
  }
}

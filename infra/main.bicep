// Everything that Omoai needs in Azure, for `azd up` (docs/azure.md). The subscriptions to events follow in events.bicep,
// once the app runs and has its key.

targetScope = 'subscription'

@description('Name of the azd environment; part of the names of everything.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('The region. Check that it has the GPU and the Durable Task Scheduler.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('The resource group; empty: rg- and the name of the environment.')
param resourceGroupName string = ''

@description('Where orchestrations keep their state. With AzureStorage nothing wakes an app that has scaled to zero, so one replica always runs.')
@allowed(['DurableTaskScheduler', 'AzureStorage'])
param backend string = 'DurableTaskScheduler'

@description('Whether models run on a GPU.')
param gpu bool = true

@allowed(['Consumption-GPU-NC8as-T4', 'Consumption-GPU-NC24-A100'])
param gpuProfileType string = 'Consumption-GPU-NC8as-T4'

@description('A second app, on the GPU, for the activities that load models; the first one then needs none. Only with the Durable Task Scheduler.')
param splitApps bool = false

@description('A virtual network of its own, and a storage account that only it can reach.')
param privateNetwork bool = false

@description('Address space of that network, at least a /21.')
param networkAddressPrefix string = '10.20.0.0/16'

@description('Public addresses or CIDR ranges that reach the storage account although privateNetwork is set.')
param allowedIpRanges string[] = []

@description('Addresses that may connect to the Durable Task Scheduler, CIDR.')
param schedulerIpAllowlist string[] = ['0.0.0.0/0']

@allowed(['Consumption', 'Dedicated'])
param schedulerSku string = 'Consumption'

@description('The task hub: letters and digits.')
@minLength(3)
@maxLength(45)
param hubName string = 'omoai'

@description('Replicas that run even when there is nothing to do. A GPU replica costs money as long as it runs.')
@minValue(0)
param minReplicas int = 0

@description('Most replicas of the app that runs models. Each takes a GPU where there is one; the quota must allow it.')
@minValue(1)
param maxReplicas int = 1

@description('Most replicas of the app without models, where splitApps is set.')
@minValue(1)
param maxFrontReplicas int = 3

@description('An Azure Files share for models, mounted at /models.')
param modelShare bool = false

@minValue(1)
param modelShareGib int = 100

@description('Basic, or Premium for artifact streaming.')
@allowed(['Basic', 'Standard', 'Premium'])
param registrySku string = 'Basic'

@description('Intermediate artifacts are deleted after this many days.')
@minValue(2)
param keepWorkDays int = 30

@description('The scheduler forgets orchestrations this many days after they ended.')
@minValue(2)
param keepEndedDays int = 30

@minValue(30)
@maxValue(730)
param keepLogsDays int = 30

@description('The image of the app. azd fills it in after the first deployment.')
param imageName string = ''

@description('Who may read and write blobs and see the scheduler\'s dashboard, besides the apps. azd fills in whoever is signed in.')
param principalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Signs webhooks, 16 characters or more; empty: no job can have one.')
@secure()
param webhookSecret string = ''

@description('Base address of a server with a language model (OpenAI\'s chat completions), such as https://NAME.openai.azure.com/openai/v1; empty: none.')
param llmEndpoint string = ''

@description('What that server calls its model.')
param llmModel string = ''

@description('Its bearer token; empty: it asks for none.')
@secure()
param llmToken string = ''

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))
var useScheduler = backend == 'DurableTaskScheduler'

// Azure Storage can't tell which app has which activity.
var split = splitApps && !useScheduler ? fail('splitApps needs the Durable Task Scheduler as backend.') : splitApps
var atLeast = useScheduler ? minReplicas : max(minReplicas, 1)
var atMost = max(maxReplicas, atLeast)

var gpuSize = gpuProfileType == 'Consumption-GPU-NC24-A100'
  ? { profile: 'gpu', cpu: '24', memory: '220Gi' }
  : { profile: 'gpu', cpu: '8', memory: '56Gi' }
var cpuSize = { profile: 'Consumption', cpu: '4', memory: '8Gi' }
var frontSize = { profile: 'Consumption', cpu: '2', memory: '4Gi' }
var modelSize = gpu ? gpuSize : cpuSize
var mainSize = split ? frontSize : modelSize

// Without Event Grid, as with Azurite, there is the polling trigger; here it would start everything twice and wake the app.
var notInAzure = ['AudioUploadedPolling']
var modelFunctions = ['Transcribe', 'PostProcess']
var frontFunctions = [
  'AudioUploaded'
  'EventDeadLettered'
  'Notify'
  'Prepare'
  'Publish'
  'RecordFailure'
  'TranscriptionOrchestrator'
  'UploadPoisoned'
]
// Not Live and Ready, which the platform asks of every app.
var apiFunctions = [
  'CreateUpload'
  'DeleteTranscription'
  'GetOutput'
  'GetTranscription'
  'ListTranscriptions'
  'OpenApi'
  'RerunTranscription'
  'StartTranscription'
  'WatchTranscription'
]

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: 'id-omoai-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: 'log-omoai-${token}'
    insightsName: 'appi-omoai-${token}'
    location: location
    tags: tags
    senderPrincipalId: identity.outputs.principalId
    retentionDays: keepLogsDays
  }
}

module registry 'modules/registry.bicep' = {
  scope: group
  params: {
    name: 'cromoai${token}'
    location: location
    tags: tags
    pullPrincipalId: identity.outputs.principalId
    sku: registrySku
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: 'stomoai${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
    privateOnly: privateNetwork
    allowedIpRanges: allowedIpRanges
    keepWorkDays: keepWorkDays
  }
}

module models 'modules/model-share.bicep' = if (modelShare) {
  scope: group
  params: {
    accountName: 'stmodel${token}'
    location: location
    tags: tags
    privateOnly: privateNetwork
    allowedIpRanges: allowedIpRanges
    quotaGib: modelShareGib
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    name: 'vnet-omoai-${token}'
    location: location
    tags: tags
    addressPrefix: networkAddressPrefix
  }
}

module storageEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    name: 'pep-omoai-${token}'
    location: location
    tags: tags
    accountId: storage.outputs.id
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    services: ['blob', 'queue', 'table']
  }
}

module modelEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork && modelShare) {
  scope: group
  params: {
    name: 'pep-model-${token}'
    location: location
    tags: tags
    accountId: models!.outputs.id
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    services: ['file']
  }
}

module environment 'modules/environment.bicep' = {
  scope: group
  params: {
    name: 'cae-omoai-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    gpuProfileType: gpu ? gpuProfileType : ''
    subnetId: privateNetwork ? network!.outputs.appsSubnetId : ''
    modelAccountName: modelShare ? models!.outputs.accountName : ''
    modelShareName: modelShare ? models!.outputs.shareName : ''
  }
}

module scheduler 'modules/scheduler.bicep' = if (useScheduler) {
  scope: group
  params: {
    name: 'dts-omoai-${token}'
    location: location
    tags: tags
    hubName: hubName
    sku: schedulerSku
    ipAllowlist: schedulerIpAllowlist
    keepEndedDays: keepEndedDays
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
  }
}

module topic 'modules/event-topic.bicep' = {
  scope: group
  params: {
    name: 'evgt-omoai-${token}'
    location: location
    tags: tags
    storageAccountName: storage.outputs.name
  }
}

// The app that is reached from outside. Alone it runs everything; beside a second one all but the models.
module app 'modules/function-app.bicep' = {
  scope: group
  params: {
    name: 'ca-omoai-${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'omoai' })
    environmentId: environment.outputs.id
    workloadProfileName: mainSize.profile
    cpu: mainSize.cpu
    memory: mainSize.memory
    imageName: imageName
    registryServer: registry.outputs.loginServer
    externalIngress: true
    minReplicas: split ? 0 : atLeast
    maxReplicas: split ? maxFrontReplicas : atMost
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    insightsConnectionString: monitoring.outputs.connectionString
    hubName: hubName
    schedulerEndpoint: useScheduler ? scheduler!.outputs.endpoint : ''
    sharesHub: split
    disabledFunctions: split ? concat(notInAzure, modelFunctions) : notInAzure
    modelStorageName: environment.outputs.modelStorageName
    webhookSecret: webhookSecret
    llmEndpoint: llmEndpoint
    llmModel: llmModel
    // Whoever asks the server is shown it, and nobody else.
    llmToken: split ? '' : llmToken
  }
  dependsOn: [storageEndpoints, modelEndpoints]
}

module modelApp 'modules/function-app.bicep' = if (split) {
  scope: group
  params: {
    name: 'ca-model-${token}'
    location: location
    tags: tags
    environmentId: environment.outputs.id
    workloadProfileName: modelSize.profile
    cpu: modelSize.cpu
    memory: modelSize.memory
    imageName: imageName
    registryServer: registry.outputs.loginServer
    externalIngress: false
    minReplicas: atLeast
    maxReplicas: atMost
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    insightsConnectionString: monitoring.outputs.connectionString
    hubName: hubName
    schedulerEndpoint: useScheduler ? scheduler!.outputs.endpoint : ''
    sharesHub: true
    disabledFunctions: concat(notInAzure, frontFunctions, apiFunctions)
    modelStorageName: environment.outputs.modelStorageName
    webhookSecret: webhookSecret
    llmEndpoint: llmEndpoint
    llmModel: llmModel
    llmToken: llmToken
  }
  dependsOn: [storageEndpoints, modelEndpoints]
}

// azd keeps these in its environment; the hook reads them from there.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer
output OMOAI_APP_NAME string = app.outputs.name
output OMOAI_APP_URL string = 'https://${app.outputs.fqdn}'
output OMOAI_MODEL_APP_NAME string = split ? modelApp!.outputs.name : ''
output OMOAI_STORAGE_ACCOUNT string = storage.outputs.name
output OMOAI_MODEL_ACCOUNT string = modelShare ? models!.outputs.accountName : ''
output OMOAI_EVENT_TOPIC string = topic.outputs.name

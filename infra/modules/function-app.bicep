// One Functions app on Container Apps. Which functions it runs, on which hardware and with which back end is all settings:
// the image is the same.

param name string
param location string
param tags object
param environmentId string

@description('The workload profile of the environment that it runs on.')
param workloadProfileName string

@description('vCPUs of a replica, as a number in a string: Bicep knows no fractions.')
param cpu string
param memory string

@description('The image; empty until azd has pushed one: then a placeholder runs.')
param imageName string
param registryServer string

@description('Whether the app is reachable from outside the environment. Ingress itself must be on for it to be scaled.')
param externalIngress bool

@minValue(0)
param minReplicas int

@minValue(1)
param maxReplicas int

param identityId string
param identityClientId string

param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param insightsConnectionString string

param hubName string

@description('Endpoint of the Durable Task Scheduler; empty keeps the state of orchestrations in Azure Storage.')
param schedulerEndpoint string

@description('Whether another app works on the same hub, so that this one is to be given only the work that it has functions for.')
param sharesHub bool

@description('Functions that this app doesn\'t run.')
param disabledFunctions string[]

@description('Name of the environment\'s storage with models; empty for none.')
param modelStorageName string

@description('Signs webhooks; empty: no job can have one.')
@secure()
param webhookSecret string

@description('Base address of a server with a language model, as Omoai:Llm:OpenAi:Endpoint; empty: none.')
param llmEndpoint string

@description('What that server calls its model.')
param llmModel string

@description('Its bearer token; empty: it asks for none.')
@secure()
param llmToken string

// What an image must do to run here: listen where ASPNETCORE_URLS says. Above 1023, for it isn't run by root.
var port = 8080
var scratchPath = '/scratch'
var modelsPath = '/models'
var placeholder = 'mcr.microsoft.com/k8se/quickstart-functions:latest'

var hasImage = !empty(imageName)
var hasModels = !empty(modelStorageName)
var hasSecret = !empty(webhookSecret)
var hasLlm = !empty(llmEndpoint)
var hasLlmToken = hasLlm && !empty(llmToken)

var functionsSettings = [
  { name: 'FUNCTIONS_WORKER_RUNTIME', value: 'dotnet-isolated' }
  { name: 'ASPNETCORE_URLS', value: 'http://+:${port}' }
  // What the host keeps in storage under its id must be found again by the next replica.
  { name: 'AzureFunctionsWebHost__hostid', value: name }
  // As Omoai:Pipeline:MaxRecordingBytes; the host's own limit is far below.
  { name: 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT', value: '1073741824' }
  // In storage, so that Event Grid's key outlives every replica.
  { name: 'AzureWebJobsSecretStorageType', value: 'blob' }
  { name: 'AzureWebJobsStorage__blobServiceUri', value: blobEndpoint }
  { name: 'AzureWebJobsStorage__queueServiceUri', value: queueEndpoint }
  { name: 'AzureWebJobsStorage__tableServiceUri', value: tableEndpoint }
  { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
  { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
  { name: 'AZURE_CLIENT_ID', value: identityClientId }
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insightsConnectionString }
  { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'Authorization=AAD;ClientId=${identityClientId}' }
  { name: 'AzureFunctionsJobHost__extensions__durableTask__hubName', value: hubName }
]

var omoaiSettings = [
  { name: 'Omoai__Storage__AccountUri', value: blobEndpoint }
  { name: 'Omoai__Pipeline__ScratchFolder', value: scratchPath }
]

var schedulerSettings = empty(schedulerEndpoint)
  ? []
  : [
      { name: 'AzureFunctionsJobHost__extensions__durableTask__storageProvider__type', value: 'azureManaged' }
      {
        name: 'AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName'
        value: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
      }
      {
        name: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
        value: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
      }
    ]

var filterSettings = sharesHub
  ? [
      {
        name: 'AzureFunctionsJobHost__extensions__durableTask__storageProvider__workItemFilteringEnabled'
        value: 'true'
      }
    ]
  : []

// With underscores: the host takes AzureWebJobs_NAME_Disabled for AzureWebJobs.NAME.Disabled, and a dot isn't safe in the
// name of a variable.
var disabledSettings = map(disabledFunctions, function => {
  name: 'AzureWebJobs_${function}_Disabled'
  value: 'true'
})

var modelSettings = hasModels ? [{ name: 'Omoai__Models__Folders__0', value: modelsPath }] : []
var llmSettings = hasLlm
  ? [
      { name: 'Omoai__Llm__OpenAi__Endpoint', value: llmEndpoint }
      { name: 'Omoai__Llm__OpenAi__Model', value: llmModel }
    ]
  : []
var secretSettings = concat(
  hasSecret ? [{ name: 'Omoai__Webhook__Secret', secretRef: 'webhook-secret' }] : [],
  hasLlmToken ? [{ name: 'Omoai__Llm__OpenAi__Token', secretRef: 'llm-token' }] : []
)

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: workloadProfileName
    configuration: {
      // One revision at a time: two that are active would both work on the one hub.
      activeRevisionsMode: 'Single'
      ingress: {
        external: externalIngress
        targetPort: port
        transport: 'auto'
        allowInsecure: false
      }
      registries: [{ server: registryServer, identity: identityId }]
      secrets: concat(
        hasSecret ? [{ name: 'webhook-secret', value: webhookSecret }] : [],
        hasLlmToken ? [{ name: 'llm-token', value: llmToken }] : []
      )
    }
    template: {
      // The most there is. A replica that is told to stop and has nothing running ends at once.
      terminationGracePeriodSeconds: 600
      containers: [
        {
          name: 'omoai'
          image: hasImage ? imageName : placeholder
          resources: { cpu: json(cpu), memory: memory }
          env: concat(
            functionsSettings,
            omoaiSettings,
            schedulerSettings,
            filterSettings,
            disabledSettings,
            modelSettings,
            llmSettings,
            secretSettings
          )
          // The placeholder doesn't know these paths.
          probes: hasImage
            ? [
                {
                  type: 'Startup'
                  httpGet: { path: '/api/health/live', port: port }
                  initialDelaySeconds: 5
                  periodSeconds: 10
                  timeoutSeconds: 5
                  // The most that the platform takes.
                  failureThreshold: 10
                }
                {
                  type: 'Liveness'
                  httpGet: { path: '/api/health/live', port: port }
                  periodSeconds: 30
                  timeoutSeconds: 10
                  failureThreshold: 5
                }
                {
                  type: 'Readiness'
                  httpGet: { path: '/api/health/ready', port: port }
                  periodSeconds: 15
                  timeoutSeconds: 10
                  failureThreshold: 4
                }
              ]
            : []
          volumeMounts: concat(
            [{ volumeName: 'scratch', mountPath: scratchPath }],
            hasModels ? [{ volumeName: 'models', mountPath: modelsPath }] : []
          )
        }
      ]
      volumes: concat(
        // Bounded by the ephemeral storage that a replica has, and gone with it.
        [{ name: 'scratch', storageType: 'EmptyDir' }],
        hasModels ? [{ name: 'models', storageType: 'AzureFile', storageName: modelStorageName }] : []
      )
      // No rules: the platform makes them from the triggers.
      scale: { minReplicas: minReplicas, maxReplicas: maxReplicas }
    }
  }
}

output name string = app.name
output fqdn string = app.properties.configuration.ingress.fqdn

// Log Analytics, and Application Insights on top of it. Telemetry is taken from identities only.

import { roles } from 'roles.bicep'

param workspaceName string
param insightsName string
param location string
param tags object

@description('Who may send telemetry.')
param senderPrincipalId string

@minValue(30)
@maxValue(730)
param retentionDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, senderPrincipalId, roles.monitoringMetricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
    principalId: senderPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output workspaceId string = workspace.id
// Not a secret here: with local authentication off it says where telemetry goes, not who may send it.
output connectionString string = insights.properties.ConnectionString

// The Durable Task Scheduler with one task hub. It knows identities only; there are no keys.

import { roles } from 'roles.bicep'

param name string
param location string
param tags object
param hubName string

@allowed(['Consumption', 'Dedicated'])
param sku string

@description('Addresses that may connect, CIDR. An empty list lets nobody in; who connects must have a role too.')
@minLength(1)
param ipAllowlist string[]

@description('What ended is forgotten after this many days. More than one: Event Grid repeats events for a day, and the id of a job that is remembered is what makes a repeated event the same job.')
@minValue(2)
param keepEndedDays int

@description('The identity of the apps.')
param appPrincipalId string

@description('A person that may look at the dashboard; empty for nobody.')
param operatorPrincipalId string

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: sku == 'Dedicated' ? { name: sku, capacity: 1 } : { name: sku }
    ipAllowlist: ipAllowlist
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: hubName
}

resource retention 'Microsoft.DurableTask/schedulers/retentionPolicies@2025-11-01' = {
  parent: scheduler
  name: 'default'
  properties: {
    // Without a state it holds for every orchestration that has ended.
    retentionPolicies: [{ retentionPeriodInDays: keepEndedDays }]
  }
}

resource app 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scheduler.id, appPrincipalId, roles.durableTaskDataContributor)
  scope: scheduler
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.durableTaskDataContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(scheduler.id, operatorPrincipalId, roles.durableTaskDataContributor)
  scope: scheduler
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.durableTaskDataContributor
    )
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

output endpoint string = scheduler.properties.endpoint
output hubName string = hub.name

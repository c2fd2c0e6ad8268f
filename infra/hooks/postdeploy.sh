#!/bin/sh
# Runs after `azd deploy`, with azd's environment: makes up for what can only be done once the app runs.
# 1. The app got its first image: provisions again, for the probes that the placeholder could not answer.
# 2. A second app, where there is one, gets the same image.
# 3. Waits for the app, reads its system key, and subscribes it to the events of the storage account.
# Safe to run again. The key is never printed, nor on any command line.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${AZURE_RESOURCE_GROUP:?is not set: run this as a hook of azd, or with the values of 'azd env get-values'}"
: "${AZURE_SUBSCRIPTION_ID:?is not set}"
: "${OMOAI_APP_NAME:?is not set}"
: "${OMOAI_APP_URL:?is not set}"
: "${OMOAI_STORAGE_ACCOUNT:?is not set}"
: "${OMOAI_EVENT_TOPIC:?is not set}"
group=$AZURE_RESOURCE_GROUP
patience=${OMOAI_PATIENCE_SECONDS:-900}

say() { echo "postdeploy: $*"; }
fail() { echo "postdeploy: $*" >&2; exit 1; }
in_group() { az "$@" --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$group" --only-show-errors; }
ask_app() { in_group containerapp show --name "$1" --query "$2" --output tsv; }

command -v az >/dev/null || fail "needs the Azure CLI: https://aka.ms/azure-cli"
command -v curl >/dev/null || fail "needs curl."
az account show --output none 2>/dev/null || fail "the Azure CLI isn't signed in: az login"
# The key of a Functions app on Container Apps is read by a command of this extension.
az extension add --name containerapp --upgrade --yes --only-show-errors --output none

umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

image=$(ask_app "$OMOAI_APP_NAME" 'properties.template.containers[0].image')
# By their path: the platform may have put probes of its own where there were none.
probes="length(properties.template.containers[0].probes[?httpGet.path=='/api/health/live'] || \`[]\`)"
if [ "$(ask_app "$OMOAI_APP_NAME" "$probes")" = 0 ]; then
  say "provisioning once more, now that there is an image"
  azd provision --no-prompt
elif [ -n "${OMOAI_MODEL_APP_NAME:-}" ]; then
  if [ "$(ask_app "$OMOAI_MODEL_APP_NAME" 'properties.template.containers[0].image')" != "$image" ]; then
    say "giving $OMOAI_MODEL_APP_NAME the same image"
    in_group containerapp update --name "$OMOAI_MODEL_APP_NAME" --image "$image" --output none
  fi
fi

# A first start pulls the image, and the roles of a new identity take minutes to count. Asking also wakes the app.
say "waiting for $OMOAI_APP_URL"
waited=0
until curl --fail --silent --show-error --max-time 30 --output /dev/null "$OMOAI_APP_URL/api/health/live" 2>"$folder/why"; do
  [ "$waited" -lt "$patience" ] || fail "the app doesn't answer after $patience s: $(cat "$folder/why"). See docs/azure.md, Troubleshooting."
  sleep 10
  waited=$((waited + 10))
done

# The host makes the key when it first loads the blob triggers; the command needs a replica that runs, and now one does.
waited=0
until key=$(in_group containerapp function keys show --name "$OMOAI_APP_NAME" \
  --key-type systemKey --key-name blobs_extension --query value.value --output tsv 2>"$folder/why") && [ -n "$key" ]; do
  [ "$waited" -lt "$patience" ] || fail "no system key blobs_extension after $patience s: $(cat "$folder/why")"
  sleep 10
  waited=$((waited + 10))
done

# Keys are letters, digits, '-', '_', '=' and '/': nothing that JSON would want escaped.
case $key in
  *[!A-Za-z0-9_=/+-]*) fail "the system key has characters that no key has." ;;
esac
cat >"$folder/events.parameters.json" <<END
{
  "\$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "topicName": { "value": "$OMOAI_EVENT_TOPIC" },
    "storageAccountName": { "value": "$OMOAI_STORAGE_ACCOUNT" },
    "appHost": { "value": "${OMOAI_APP_URL#https://}" },
    "blobsExtensionKey": { "value": "$key" }
  }
}
END
unset key

say "subscribing the app to uploads and to dead letters"
in_group deployment group create --name omoai-events --template-file "$here/../events.bicep" \
  --parameters "@$folder/events.parameters.json" --output none
say "done: recordings put into the container audio-in of $OMOAI_STORAGE_ACCOUNT are transcribed"

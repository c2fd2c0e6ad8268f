// Uploads a file: node upload.js CONTAINER NAME FILE. The connection string comes in on standard input, for arguments can be
// seen by everybody.
"use strict";
const { readFileSync } = require("fs");
const { BlobServiceClient } = require("@azure/storage-blob");

const [container, name, file] = process.argv.slice(2);
const blob = BlobServiceClient.fromConnectionString(readFileSync(0, "utf8")).getContainerClient(container).getBlockBlobClient(name);
blob.uploadFile(file).then(
  ({ etag }) => console.log(etag),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });

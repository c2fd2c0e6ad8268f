// Runs Azurite's blob service and ends it with its owner: standard input is a pipe that only the owner holds open.
//
// Azurite's lists of blobs and of extents (the files with their content) are LokiJS databases in memory, which it writes
// to disk every five seconds: killed, it forgets what it has acknowledged since. Here each answer waits until the databases
// are on the disk. A save writes a database whole, to a temporary file that is then renamed, so a kill leaves the old one
// or the new one; it isn't synced, so a power cut can still take the last seconds.
"use strict";
const http = require("http");
const { promisify } = require("util");
const Loki = require("lokijs");

const databases = [];

// Called for each database that has a file. It keeps the mark by which closing saves, but gets no timer.
Loki.prototype.autosaveEnable = function () {
  this.autosave = true;
  // The list of extents is opened last and saved first: no blob is on the disk before the extents that it names.
  databases.unshift(this);
};

let saving = false;
let last = Promise.resolve();
let next;

// One save for all who ask while another runs: that one may have begun before their changes.
function save() {
  return (next ??= last = last.catch(() => {}).then(async () => {
    next = undefined;
    saving = true;
    try {
      for (const database of databases.filter((database) => database.autosaveDirty())) {
        await promisify(database.saveDatabase).call(database).catch((error) => {
          database.collections.forEach((collection) => (collection.dirty = true));
          throw error;
        });
      }
    } finally {
      saving = false;
    }
  }));
}

// Reads wait too: what they have seen must not be gone later.
const end = http.ServerResponse.prototype.end;
http.ServerResponse.prototype.end = function (...parts) {
  if (!saving && !databases.some((database) => database.autosaveDirty())) {
    return end.apply(this, parts);
  }

  save().then(() => end.apply(this, parts), (error) => {
    console.error(`Azurite can't save: ${error.message}`);
    this.destroy();
  });
  return this;
};

process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
require("azurite/dist/src/blob/main.js");

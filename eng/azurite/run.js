// Runs Azurite's blob service and ends it with its owner: standard input is a pipe that only the owner holds open.
"use strict";
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
require("azurite/dist/src/blob/main.js");

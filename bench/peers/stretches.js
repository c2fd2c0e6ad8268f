// What the scripts of bench/speech and bench/language share: the stretches of speech that the first one writes, and the answers both wait for.
'use strict';

/** Stretches of speech: each its length (int32), then its samples (float32). */
exports.read = file => {
  const bytes = require('fs').readFileSync(file);
  const stretches = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32LE(at);
    stretches.push(new Float32Array(bytes.buffer.slice(bytes.byteOffset + at + 4, bytes.byteOffset + at + 4 + 4 * length)));
    at += 4 + 4 * length;
  }
  return stretches;
};

/** Says that it is ready, then does the work once for each line, and answers with its seconds and what the work gives. */
exports.serve = async work => {
  console.log('{}');
  for await (const _ of require('readline').createInterface({ input: process.stdin })) {
    const begun = process.hrtime.bigint();
    const text = await work();
    console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - begun) / 1e9, text }));
  }
};

/** Ends with a reason, of one line. */
exports.fail = error => {
  console.error(`  ${error.message.split('\n')[0]}`);
  process.exit(1);
};

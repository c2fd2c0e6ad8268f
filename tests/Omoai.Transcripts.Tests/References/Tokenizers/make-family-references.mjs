// Makes family-references.txt: what the Rust library makes of 1,000 difficult strings with small tokenizers that are made as those
// of well-known families are, for ../../TokenizerFamilyTests.cs. families.json has the families' steps as their published
// tokenizer.json have them; the merges are made here, of pieces of the strings.
//
//   npm install --ignore-scripts --prefix /tmp/references @anush008/tokenizers@0.6.0 @huggingface/tokenizers@0.2.0
//   node make-family-references.mjs /tmp/references > family-references.txt
//
// For each string and each family a hash of the ids, of the ids of a tokenizer that lacks the family's marks and the merges that
// make them (so that they are text), and of the text that is made of the ids again. Ids are Rust's (tokenizers 0.22.2), texts those of @huggingface/tokenizers.
// How often the other one differs is in the last lines; SHOW=1 shows it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.argv[2], 'x.js'));
const { Tokenizer: Rust } = require('@anush008/tokenizers');
const { Tokenizer: Script } = require('@huggingface/tokenizers');

const read = name => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const { pieces, families } = read('families.json');
const groups = [...Object.values(read('pieces.json')), ...Object.values(pieces)];

// The same in TokenizerTests.Strings.
function* strings() {
  let state = 20261125;
  const below = n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  for (let i = 0; i < 1000; i++) {
    const main = groups[i % groups.length];
    let text = '';
    for (let left = 1 + below(12); left > 0; left--) {
      const group = below(3) === 0 ? groups[below(groups.length)] : main;
      text += group[below(group.length)];
    }
    yield text.replaceAll('\ue000', '\ud83d').replaceAll('\ue001', '\ude00');
  }
}

const letters = [];
for (let value = 0, invisible = 0x100; value < 256; value++) {
  const seen = (value >= 0x21 && value <= 0x7e) || (value >= 0xa1 && value <= 0xac) || value >= 0xae;
  letters.push(String.fromCodePoint(seen ? value : invisible++));
}

// The same in TokenizerFamilyTests.Make.
function make(family, withMarks) {
  const byteLevel = JSON.stringify(family.pre_tokenizer).includes('"ByteLevel"');
  const vocab = new Map(), merges = [];
  const add = token => vocab.has(token) || vocab.set(token, vocab.size);
  const symbols = text => byteLevel
    ? [...new TextEncoder().encode(text)].map(value => letters[value])
    : [...text.replaceAll(' ', '▁')];
  // Of every third group the letters are missing where letters aren't bytes.
  const known = groups.filter((_, index) => index % 3 !== 2).flat().map(piece => piece.toWellFormed());
  if (byteLevel) {
    letters.forEach(add);
  } else {
    add('<unk>');
    if (family.model?.byte_fallback) {
      letters.forEach((_, value) => add(`<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`));
    }
    known.flatMap(symbols).forEach(add);
  }
  // Words first, then whole pieces, which no token may be of where words are apart.
  const marks = [...(family.special ?? []), ...(family.rstrip ?? []), ...(family.added ?? []).filter(token => token.includes('<'))];
  const chains = known.flatMap(piece => piece.split(/(?= )/)).concat(known);
  for (const chain of chains) {
    const parts = symbols(chain);
    for (let i = 1, left = parts[0]; i < parts.length && i < 12; left += parts[i++]) {
      if (!vocab.has(left + parts[i])) {
        if (withMarks || !marks.includes(left + parts[i])) {
          merges.push([left, parts[i]]);
        }
        add(left + parts[i]);
      }
    }
  }
  const added = [];
  const addToken = (content, special, rstrip) => {
    add(content);
    if (withMarks || !marks.includes(content)) {
      added.push({ id: vocab.get(content), content, special, rstrip, lstrip: false, normalized: false, single_word: false });
    }
  };
  (family.special ?? []).forEach(content => addToken(content, true, false));
  (family.rstrip ?? []).forEach(content => addToken(content, true, true));
  (family.added ?? []).forEach(content => addToken(content, false, false));
  return {
    version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: family.normalizer,
    pre_tokenizer: family.pre_tokenizer, post_processor: null, decoder: family.decoder,
    model: {
      type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false,
      byte_fallback: false, ignore_merges: false, ...family.model, vocab: Object.fromEntries(vocab), merges,
    },
  };
}

// FNV-1a over 32-bit numbers.
const hash = numbers => {
  let value = 2166136261;
  for (const number of numbers) {
    value = Math.imul(value ^ number, 16777619) >>> 0;
  }
  return value.toString(16).padStart(8, '0');
};

const units = text => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));

const names = Object.keys(families);
const made = names.map(name => {
  const [whole, plain] = [true, false].map(withMarks => make(families[name], withMarks));
  return { rust: Rust.fromString(JSON.stringify(whole)), plain: Rust.fromString(JSON.stringify(plain)), script: new Script(whole, {}) };
});
const otherIds = names.map(() => 0), otherTexts = names.map(() => 0);
for (const raw of strings()) {
  const text = raw.toWellFormed();
  const line = [];
  for (let k = 0; k < names.length; k++) {
    const { rust, plain, script } = made[k];
    const ids = (await rust.encode(text, null, { addSpecialTokens: false })).getIds();
    const plainIds = (await plain.encode(text, null, { addSpecialTokens: false })).getIds();
    const theirs = script.encode(text, { add_special_tokens: false }).ids;
    const again = await rust.decode(ids, false);
    const againByScript = ids.length === 0 ? '' : script.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    if (theirs.join() !== ids.join()) {
      otherIds[k]++;
    }
    if (again !== againByScript) {
      otherTexts[k]++;
    }
    if (process.env.SHOW === names[k] && (theirs.join() !== ids.join() || again !== againByScript)) {
      console.error(JSON.stringify(text), ids.join(), theirs.join(), JSON.stringify(again), JSON.stringify(againByScript));
    }
    line.push(hash([...ids, -1, ...plainIds, -1, ...units(againByScript)]));
  }
  console.log(line.join(' '));
}
for (let k = 0; k < names.length; k++) {
  console.log(`# ${names[k]}: Rust and script have other ids for ${otherIds[k]} strings, other texts for ${otherTexts[k]}`);
}

// The grammar of names under everything a client or an operator may write.
import { isIP } from 'node:net';
import { importSource } from './bundle.mjs';
import { corpus } from './corpus.mjs';

/** As people write them, and as the ClientHello reader gives them: one character a byte. */
const KEPT_NAMES = corpus('names').flatMap((bytes) => [bytes.toString(), bytes.toString('latin1')]);
const ALPHABET = [...'abcXYZ019.-_*:[]%/\\ \t\r\n\0@#?äßıİK。．\u200d\ud800😀'];
const LONGEST = 300;
const LARGEST_NAME = 253;
const CANONICAL = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** @returns a function that makes and judges one input; it gives back the kind, or throws saying what was wrong */
export async function nameFuzz(random) {
  const names = await importSource('credential/server-name.ts');

  const judge = (name) => {
    const serverName = names.normalizeServerName(name);
    if (serverName !== undefined) assertCanonical(serverName, names.normalizeServerName);
    const configured = names.normalizeConfiguredName(name);
    if (configured !== undefined) {
      assertCanonical(
        configured.startsWith('*.') ? configured.slice(2) : configured,
        names.normalizeServerName,
      );
      if (names.normalizeConfiguredName(configured) !== configured)
        throw new Error(`changes ${configured} again`);
    }
    const address = names.normalizeIpAddress(name);
    if (address !== undefined && isIP(address) === 0) throw new Error(`takes ${address} for an IP address`);
    if (serverName !== undefined && names.wildcardOf(serverName)?.startsWith('*.') === false)
      throw new Error('makes a wrong wildcard');
    if (serverName !== undefined && !names.covers([serverName], serverName))
      throw new Error('does not cover a name by itself');
    if (serverName === undefined) return configured === undefined ? 'no name' : 'only configurable';
    return isIP(serverName) === 0 ? 'DNS name' : 'IP address';
  };

  // Those of the corpus as they are, before they are changed.
  const first = [...KEPT_NAMES];
  return () => {
    const name = first.pop() ?? makeName(random);
    try {
      return judge(name);
    } catch (error) {
      throw new Error(`the name grammar ${error.message}: ${JSON.stringify(name)}`, { cause: error });
    }
  };
}

function assertCanonical(name, normalize) {
  if (name.length > LARGEST_NAME) throw new Error(`accepts ${name.length} characters`);
  if (isIP(name) === 0 && !CANONICAL.test(name)) throw new Error(`gives ${JSON.stringify(name)}`);
  if (normalize(name) !== name) throw new Error(`changes ${name} again`);
}

function makeName(random) {
  switch (random.below(4)) {
    case 0:
      return randomText(random, 1 + random.below(20));
    case 1:
      return randomText(random, random.below(LONGEST));
    case 2:
      return bytesAsSent(random);
    default:
      return changed(random.pick(KEPT_NAMES), random);
  }
}

function randomText(random, length) {
  return Array.from({ length }, () => random.pick(ALPHABET)).join('');
}

/** As the ClientHello reader gives it: one character a byte. */
function bytesAsSent(random) {
  const bytes = Buffer.alloc(random.below(LONGEST));
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = random.next() >>> 11;
  return bytes.toString('latin1');
}

function changed(name, random) {
  let characters = [...name];
  for (let times = random.below(4); times > 0; times -= 1) {
    const at = random.below(characters.length + 1);
    const removed = random.below(3);
    const added = random.below(2) === 0 ? [] : [random.pick(ALPHABET)];
    characters = [...characters.slice(0, at), ...added, ...characters.slice(at + removed)];
  }
  return characters.join('');
}

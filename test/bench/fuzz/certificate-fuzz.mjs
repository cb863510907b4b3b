// Certificates and keys, in PEM and in DER, under everything that may stand in a file. Most inputs go to one reader
// alone, which is cheap; some go all the way to a proven credential and its inspection.
import { X509Certificate } from 'node:crypto';
import { importSource } from './bundle.mjs';
import { spoiled } from './byte-mutations.mjs';
import { corpus } from './corpus.mjs';
import { CertificateMaker } from '../support/certificates.mjs';

const SLOWEST_MS = 2_000;
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END/g;
/** One input in so many is read as a whole: it costs as much as a hundred others. */
const WHOLE_ONE_IN = 50;

/** @returns a function that makes and judges one input; it gives back the kind, or throws saying what was wrong */
export async function certificateFuzz(random) {
  const source = {
    ...(await importSource('credential/credential.ts')),
    ...(await importSource('credential/certificate-facts.ts')),
    ...(await importSource('credential/certificate-outline.ts')),
    ...(await importSource('credential/pem.ts')),
    ...(await importSource('diagnosis/inspect.ts')),
  };
  const maker = await CertificateMaker.create();
  const pairs = await Promise.all([maker.pair(['a.test']), maker.pair(['*.b.test', 'b.test'], 2)]);
  const files = [...corpus('certificates'), ...pairs.map(({ cert, key }) => Buffer.from(cert + key))];
  const ders = files.flatMap((file) => blocksOf(file.toString('latin1')).map(({ der }) => der));

  const ways = {
    outline: () => {
      const der = spoiled(random.pick(ders), random, ders);
      return [der.toString('base64'), () => judgeOutline(source, der)];
    },
    PEM: () => {
      const file = spoiled(random.pick(files), random, files);
      return [file.toString('latin1'), () => judgePem(source, file)];
    },
    whole: () => {
      const { cert, key } = random.pick(pairs);
      const input =
        random.below(2) === 0
          ? { cert: spoiledPem(cert, random), key: random.below(3) === 0 ? spoiledPem(key, random) : key }
          : sameFor(spoiledPem(random.pick(files).toString('latin1'), random));
      return [JSON.stringify(input), () => judgeWhole(source, input)];
    },
  };

  return () => {
    const way = random.below(WHOLE_ONE_IN) === 0 ? 'whole' : random.below(2) === 0 ? 'outline' : 'PEM';
    const [shown, judge] = ways[way]();
    const start = performance.now();
    try {
      const verdict = judge();
      const tookMs = performance.now() - start;
      if (tookMs > SLOWEST_MS) throw new Error(`takes ${tookMs.toFixed(0)} ms`);
      return `${way} ${verdict}`;
    } catch (error) {
      throw new Error(`a certificate (${way}) ${error.message}: ${shown}`, { cause: error });
    }
  };
}

/** What the quick reader says of a certificate must be what node's parser says. */
function judgeOutline({ outlineOf, namesOf, validityOf }, der) {
  const before = Buffer.from(der);
  const outline = outlineOf(der);
  if (!before.equals(der)) throw new Error('is written to');
  if (outline === undefined) return 'passed over';
  let certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return 'read, which node does not';
  }
  const { notBefore, notAfter } = validityOf(certificate, 'it');
  const expected = {
    names: namesOf(certificate),
    serialNumber: certificate.serialNumber,
    notBefore,
    notAfter,
  };
  for (const [fact, value] of Object.entries(expected))
    if (JSON.stringify(outline[fact]) !== JSON.stringify(value))
      throw new Error(`has ${fact} ${JSON.stringify(outline[fact])}, and ${JSON.stringify(value)} by node`);
  return 'read';
}

/** Blocks that are found are found again in themselves; whatever else there is has a code. */
function judgePem({ certificateBlocks, privateKeyBlock }, file) {
  const blocks = refusable(() => certificateBlocks(file, 'It'));
  if (blocks !== undefined && blocks.join('') !== certificateBlocks(blocks.join(''), 'It').join(''))
    throw new Error('has other blocks when it is read again');
  const key = refusable(() => privateKeyBlock(file, 'It'));
  if (key !== undefined && privateKeyBlock(key, 'It') !== key)
    throw new Error('has another key when it is read again');
  return blocks === undefined && key === undefined ? 'refused' : 'read';
}

function judgeWhole({ createCredential, examine }, input) {
  const credential = refusable(() => createCredential(input));
  if (credential === undefined) return 'refused';
  if (!examine(credential, { now: Date.now() }).every(({ code }) => typeof code === 'string'))
    throw new Error('has a finding without a code');
  return 'proven';
}

/** What it gives, or undefined for a refusal as it has to be. */
function refusable(work) {
  try {
    return work();
  } catch (error) {
    if (error.name !== 'TlsmithError') throw error;
    if (String(error.message).includes('PRIVATE KEY-----')) throw new Error('shows a key', { cause: error });
    return undefined;
  }
}

function sameFor(pem) {
  return { cert: pem, key: pem };
}

function blocksOf(pem) {
  return [...pem.matchAll(PEM)].map(([, label, text]) => ({ label, der: Buffer.from(text, 'base64') }));
}

/** Spoils the text, or the DER inside one of its blocks. */
function spoiledPem(pem, random) {
  const blocks = blocksOf(pem);
  if (blocks.length === 0 || random.below(4) === 0)
    return spoiled(Buffer.from(pem), random, [Buffer.from(pem)]).toString('latin1');
  const chosen = random.pick(blocks);
  chosen.der = spoiled(
    chosen.der,
    random,
    blocks.map(({ der }) => der),
  );
  return blocks
    .map(({ label, der }) => `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`)
    .join('');
}

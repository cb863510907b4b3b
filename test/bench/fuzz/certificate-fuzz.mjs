// Certificates and keys, in PEM and in DER, under everything that may stand in a file: proven or refused with a code.
import { importSource } from './bundle.mjs';
import { spoiled } from './byte-mutations.mjs';
import { CertificateMaker } from '../support/certificates.mjs';

const SLOWEST_MS = 2_000;
const PEM = /-----BEGIN ([A-Z ]+)-----([^-]*)-----END/g;

/** @returns a function that makes and judges one input; it gives back the kind, or throws saying what was wrong */
export async function certificateFuzz(random) {
  const { createCredential } = await importSource('credential/credential.ts');
  const { examine } = await importSource('diagnosis/inspect.ts');
  const maker = await CertificateMaker.create();
  const pairs = await Promise.all([maker.pair(['a.test']), maker.pair(['*.b.test', 'b.test'], 2)]);

  const verdictOn = (input) => {
    try {
      const credential = createCredential(input);
      const findings = examine(credential, { now: Date.now() });
      return findings.every(({ code }) => typeof code === 'string') ? 'proven' : 'found without a code';
    } catch (error) {
      if (error.name !== 'TlsmithError') throw error;
      if (String(error.message).includes('PRIVATE KEY-----'))
        throw new Error('shows a key', { cause: error });
      return 'refused';
    }
  };

  const judge = (input) => {
    const start = performance.now();
    const verdict = verdictOn(input);
    const tookMs = performance.now() - start;
    if (tookMs > SLOWEST_MS) throw new Error(`takes ${tookMs.toFixed(0)} ms`);
    if (verdict === 'found without a code') throw new Error(verdict);
    return verdict;
  };

  return () => {
    const { cert, key } = random.pick(pairs);
    const input = {
      cert: spoiledPem(cert, random),
      key: random.below(3) === 0 ? spoiledPem(key, random) : key,
    };
    try {
      return judge(input);
    } catch (error) {
      throw new Error(`a certificate ${error.message}: ${JSON.stringify(input.cert)}`, { cause: error });
    }
  };
}

/** Spoils the text, or the DER inside one of its blocks. */
function spoiledPem(pem, random) {
  if (random.below(4) === 0) return spoiled(Buffer.from(pem), random, [Buffer.from(pem)]).toString('latin1');
  const blocks = [...pem.matchAll(PEM)].map(([, label, text]) => ({
    label,
    der: Buffer.from(text, 'base64'),
  }));
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

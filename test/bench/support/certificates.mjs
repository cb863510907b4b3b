// Certificates to serve: P-256 leaves below an intermediate below a root, as a public CA issues them.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { serialText } from './serials.mjs';

const { X509CertificateGenerator, BasicConstraintsExtension, SubjectAlternativeNameExtension, PemConverter } =
  await import('@peculiar/x509');

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** Makes `{ cert, key }` pairs in PEM; `root` is what clients trust. */
export class CertificateMaker {
  #issuer;
  #root;

  static async create() {
    const maker = new CertificateMaker();
    const rootKeys = await generateKeys();
    const root = await certificate({ subject: 'CN=bench root', keys: rootKeys, isCa: true });
    const keys = await generateKeys();
    const issuer = { certificate: root, keys: rootKeys };
    const intermediate = await certificate({ subject: 'CN=bench intermediate', keys, issuer, isCa: true });
    maker.#root = root.toString('pem');
    maker.#issuer = { certificate: intermediate, keys };
    return maker;
  }

  get root() {
    return this.#root;
  }

  /** A pair for these names; `serial` is the serial number, which tells certificates apart. */
  async pair(names, serial = 1) {
    const keys = await generateKeys();
    const leaf = await certificate({ subject: `CN=${names[0]}`, keys, names, serial, issuer: this.#issuer });
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      cert: `${leaf.toString('pem')}\n${this.#issuer.certificate.toString('pem')}\n`,
      key: PemConverter.encode(key, 'PRIVATE KEY'),
    };
  }
}

function generateKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function certificate({ subject, keys, names, issuer, isCa = false, serial = 1 }) {
  const extensions = isCa
    ? [new BasicConstraintsExtension(true, undefined, true)]
    : [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))];
  return X509CertificateGenerator.create(
    {
      serialNumber: serialText(serial),
      subject,
      issuer: issuer?.certificate.subject ?? subject,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      extensions,
    },
    webcrypto,
  );
}

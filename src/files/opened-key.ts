/**
 * Opens an encrypted key without stopping the event loop, where it is encrypted as keys are today. node itself does so
 * only at once: with hundreds of thousands of rounds nobody would be served meanwhile.
 */
import { createPrivateKey } from 'node:crypto';
import { DerCursor, TAG } from '../credential/der-cursor.js';
import { ENCRYPTED_KEY_LABEL } from '../credential/pem.js';
import { openPbes2, pbes2In } from './pbes2.js';

const BODY = new RegExp(`-----BEGIN ${ENCRYPTED_KEY_LABEL}-----([A-Za-z0-9+/=\\s]+)-----END`);

/** The key in PEM without its encryption; undefined when only node can tell what it is, or what is wrong with it. */
export async function openedKey(
  bytes: Uint8Array,
  passphrase: string | undefined,
): Promise<string | undefined> {
  const body = BODY.exec(Buffer.from(bytes).toString('latin1'))?.[1];
  if (body === undefined || passphrase === undefined) return undefined;
  try {
    // EncryptedPrivateKeyInfo, RFC 5958 §3.
    const info = new DerCursor(Buffer.from(body, 'base64')).enter(TAG.sequence);
    const pbes2 = pbes2In(info.enter(TAG.sequence));
    if (pbes2 === undefined) return undefined;
    const der = await openPbes2(pbes2, info.enter(TAG.octetString).octets(), passphrase);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    return key.export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch {
    return undefined; // A wrong passphrase, or damage.
  }
}

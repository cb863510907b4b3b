// A storage around another one that encrypts what is stored: for a folder that is backed up, or a shared database.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type Storage, TlsmithError } from 'tlsmith';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts the values of `inner` with `secret` (32 bytes); keys of the storage stay readable. */
export function encryptedStorage(inner: Storage, secret: Uint8Array): Storage {
  return {
    async get(key) {
      const value = await inner.get(key);
      return value && { version: value.version, bytes: decrypt(key, value.bytes, secret) };
    },
    put: (key, bytes, options) => inner.put(key, encrypt(key, bytes, secret), options),
    delete: (key, options) => inner.delete(key, options),
    list: (prefix) => inner.list(prefix),
    lock: (key, options) => inner.lock(key, options),
    ...(inner.watch === undefined ? {} : { watch: inner.watch.bind(inner) }),
  };
}

function encrypt(key: string, bytes: Uint8Array, secret: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  // The key is authenticated too, so that nobody can exchange two values.
  const cipher = createCipheriv(ALGORITHM, secret, nonce).setAAD(Buffer.from(key));
  const encrypted = [cipher.update(bytes), cipher.final()];
  return Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted]);
}

function decrypt(key: string, bytes: Uint8Array, secret: Uint8Array): Uint8Array {
  try {
    const tagEnd = NONCE_BYTES + TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, secret, bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(key)).setAuthTag(bytes.subarray(NONCE_BYTES, tagEnd));
    return Uint8Array.from([...decipher.update(bytes.subarray(tagEnd)), ...decipher.final()]);
  } catch (cause) {
    const hint = 'Was it written with another secret?';
    throw new TlsmithError('STORAGE_CORRUPT', `"${key}" cannot be decrypted.`, { key, cause, hint });
  }
}

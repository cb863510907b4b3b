/** Certificate identifiers as RFC 9773 §4.1 makes them, by openssl alone: what the library says is checked against them. */
import { execFile } from 'node:child_process';

/** The identifier of the first certificate in `pem`: key identifier of the issuer, a dot, serial number. */
export async function certificateId(pem: string): Promise<string> {
  const text = await openssl(['x509', '-noout', '-serial', '-ext', 'authorityKeyIdentifier'], pem);
  const serial = /^serial=([0-9A-F]+)$/m.exec(text)?.[1] ?? '';
  const keyId = /^ +(?:keyid:)?((?:[0-9A-F]{2}:){19}[0-9A-F]{2})$/m.exec(text)?.[1] ?? '';
  return identifier(keyId.replaceAll(':', ''), serial);
}

/** The same from two hexadecimal numbers. */
export function identifier(keyId: string, serial: string): string {
  const even = serial.length % 2 === 0 ? serial : `0${serial}`;
  // The content of a DER integer begins with a zero byte where it would be negative otherwise.
  const content = /^[89A-F]/i.test(even) ? `00${even}` : even;
  return [keyId, content].map((hex) => Buffer.from(hex, 'hex').toString('base64url')).join('.');
}

function openssl(args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('openssl', args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`openssl: ${stderr}`, { cause: error }));
    });
    child.stdin?.end(input);
  });
}

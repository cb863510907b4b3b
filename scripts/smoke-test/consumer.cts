// What a user writes in TypeScript, as CommonJS.
import { createSecureServer, isTlsmithError, selfSigned, type SecureServer } from 'tlsmith';
import 'tlsmith/testing';

export async function serve(): Promise<SecureServer> {
  const secure = createSecureServer({ sources: [selfSigned()] }, (request, response) => {
    response.end(request.url);
  });
  try {
    return await secure.listen({ port: 0 });
  } catch (error: unknown) {
    if (isTlsmithError(error)) console.error(error.code, error.hint);
    throw error;
  }
}

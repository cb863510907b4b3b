/** What a self-signed certificate needs once its server starts, as one piece to load then. */
export { managedSource } from './managed-source.js';
export { StorageCleaning } from './storage-cleaning.js';
export { selfSignedIssuer } from './self-signed-issuer.js';

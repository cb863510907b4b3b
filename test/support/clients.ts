/**
 * Real clients against a server on 127.0.0.1, each an async function that says what the client saw. All trust
 * only the root that they are given, end within a time limit and leave nothing behind.
 */
export { run, environmentWithoutTrust, type Command, type Outcome } from './clients/child-process.js';
export { chromium, type ChromiumAnswer, type ChromiumRequest } from './clients/chromium.js';
export { curl, type CurlAnswer, type CurlRequest } from './clients/curl.js';
export { deno, type DenoAnswer, hasDeno } from './clients/deno.js';
export { gnutlsCli, type GnutlsAnswer, type GnutlsRequest } from './clients/gnutls.js';
export {
  nodeFetch,
  nodeHttp2,
  nodeHttps,
  type NodeConnection,
  type NodeFetchAnswer,
  type NodeHttp2Answer,
  type NodeHttpsAnswer,
  type NodeRequest,
} from './clients/node.js';
export { sClient, type SClientAnswer, type SClientRequest } from './clients/openssl.js';
export { pythonSsl, type PythonAnswer, type PythonRequest } from './clients/python.js';
export { type Target } from './clients/target.js';

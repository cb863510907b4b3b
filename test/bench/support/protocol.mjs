// What clients and servers of the benchmark say to each other.

export const BODY = 'tlsmith-bench';
export const SERVER_NAME = 'bench.test';

export function requestText(connection) {
  return `GET / HTTP/1.1\r\nHost: ${SERVER_NAME}\r\nConnection: ${connection}\r\n\r\n`;
}

/** Whether these bytes end a response of the handler's with status 200. */
export function isGoodResponse(text) {
  return text.startsWith('HTTP/1.1 200') && text.includes(BODY);
}

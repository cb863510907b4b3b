/** A request listener whose code is loaded by the first request. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers a request. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Passes requests on to the listener that `load` resolves to; while it cannot be loaded, connections are ended. */
export function deferredListener(load: () => Promise<RequestListener>): RequestListener {
  let listener: RequestListener | undefined;
  return (request, response) => {
    if (listener !== undefined) {
      listener(request, response);
      return;
    }
    load().then(
      (loaded) => {
        listener = loaded;
        loaded(request, response);
      },
      () => response.destroy(),
    );
  };
}

/**
 * The one place that loads @peculiar/x509. It costs about a hundred milliseconds, so it is loaded when the first
 * certificate is built and not with the package. Version 2 throws at import unless a Reflect polyfill is there.
 */
import type * as x509 from '@peculiar/x509';

/** Everything @peculiar/x509 exports. Internal: its types stay out of the public declarations. */
export type X509Library = typeof x509;

/**
 * The library, loaded on the first call; `import()` itself remembers it, so later calls cost nothing.
 * Side effect: reflect-metadata adds its functions to the global `Reflect`.
 */
export function loadX509(): Promise<X509Library> {
  return import('reflect-metadata').then(() => import('@peculiar/x509'));
}

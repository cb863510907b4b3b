// Traefik is neither in Debian nor in npm, so its configurations on docs/behind-a-proxy.md are read, not run.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const PAGE = readFileSync(join(__dirname, '..', '..', 'docs', 'behind-a-proxy.md'), 'utf8');
const CONFIGURATIONS = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

/** The keys of Traefik's reference for its provider `file`; `*` is a name, `#` an item of a list. */
const KNOWN = [
  'tcp.routers.*.entryPoints.#',
  'tcp.routers.*.rule',
  'tcp.routers.*.service',
  'tcp.routers.*.tls.passthrough',
  'tcp.services.*.loadBalancer.serversTransport',
  'tcp.services.*.loadBalancer.servers.#.address',
  'tcp.serversTransports.*.proxyProtocol.version',
  'http.routers.*.entryPoints.#',
  'http.routers.*.rule',
  'http.routers.*.service',
  'http.routers.*.tls',
  'http.services.*.loadBalancer.servers.#.url',
  'tls.certificates.#.certFile',
  'tls.certificates.#.keyFile',
];
const RULE = /^(?:HostSNI|Host)\(`[a-z.]+`\)$/;

interface Section {
  readonly routers: Readonly<Record<string, { readonly rule: string; readonly service: string }>>;
  readonly services: Readonly<
    Record<string, { readonly loadBalancer: { readonly serversTransport?: string } }>
  >;
  readonly serversTransports?: Readonly<Record<string, unknown>>;
}

/** The paths of all that is no object, in the notation of {@link KNOWN}. */
function pathsIn(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsIn(item, [...path, '#']));
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path.join('.')];
  const areNames = /^(?:routers|services|serversTransports)$/.test(path.at(-1) ?? '');
  return entries.flatMap(([key, inner]) => pathsIn(inner, [...path, areNames ? '*' : key]));
}

describe("Traefik's configurations on the page", () => {
  it('are two, with no keys but those of its reference', () => {
    expect(CONFIGURATIONS).toHaveLength(2);
    const used = CONFIGURATIONS.flatMap((text) => pathsIn(parse(text)));
    expect(used.filter((path) => !KNOWN.includes(path))).toEqual([]);
    expect(KNOWN.filter((path) => !used.includes(path))).toEqual([]);
  });

  it('name only services and transports that they have, and hosts as its rules want them', () => {
    for (const text of CONFIGURATIONS) {
      const { tcp, http } = parse(text) as { tcp?: Section; http?: Section };
      const { routers, services, serversTransports = {} } = (tcp ?? http) as Section;
      for (const { rule, service } of Object.values(routers)) {
        expect(rule).toMatch(RULE);
        expect(Object.keys(services)).toContain(service);
      }
      for (const { loadBalancer } of Object.values(services))
        if (loadBalancer.serversTransport !== undefined)
          expect(Object.keys(serversTransports)).toContain(loadBalancer.serversTransport);
    }
  });
});

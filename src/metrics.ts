/** Counters of one server and their OpenMetrics text (openmetrics.io, version 1.0). */
import type { CertificateStatus } from './status.js';

/** Counts by one label, whose values are few and never come from strangers. */
export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #label: string;
  readonly #counts = new Map<string, number>();

  constructor(name: string, help: string, label: string) {
    this.#name = name;
    this.#help = help;
    this.#label = label;
  }

  /** Adds one. */
  increment(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  /** The lines of the text format. */
  lines(): string[] {
    const samples = [...this.#counts].map(
      ([value, count]) => `${this.#name}_total{${this.#label}="${value}"} ${count}`,
    );
    return [`# TYPE ${this.#name} counter`, `# HELP ${this.#name} ${this.#help}`, ...samples];
  }
}

/** Everything a server counts. */
export class Counters {
  readonly handshakes = new Counter(
    'tlsmith_handshakes',
    'Connections by what became of them: completed, failed, or the code they were refused with.',
    'result',
  );
  readonly sessions = new Counter(
    'tlsmith_sessions',
    'Completed handshakes by kind: full or resumed.',
    'kind',
  );
  readonly keyShares = new Counter(
    'tlsmith_key_shares',
    'Handshakes by the key agreement the client is ready for and this server takes: post_quantum or classic.',
    'kind',
  );
  readonly contexts = new Counter(
    'tlsmith_context_lookups',
    'Lookups of a ready TLS context: hit or miss.',
    'result',
  );
  readonly certificates = new Counter(
    'tlsmith_certificates',
    'Certificates by what happened to them: loaded, issued, renewed, reloaded or failed.',
    'event',
  );
  readonly misdirected = new Counter(
    'tlsmith_misdirected_requests',
    'Requests answered 421, by the policy of their connection.',
    'policy',
  );
}

/** The OpenMetrics text of counters and certificates. */
export function openMetrics(counters: Counters, certificates: readonly CertificateStatus[]): string {
  const gauge = 'tlsmith_certificate_not_after_seconds';
  const lines = [
    ...Object.values<Counter>(counters as unknown as Record<string, Counter>).flatMap((counter) =>
      counter.lines(),
    ),
    `# TYPE ${gauge} gauge`,
    `# UNIT ${gauge} seconds`,
    `# HELP ${gauge} End of validity, seconds since the epoch.`,
    ...certificates.flatMap((certificate) => gaugeLine(gauge, certificate)),
    '# EOF',
  ];
  return `${lines.join('\n')}\n`;
}

function gaugeLine(gauge: string, certificate: CertificateStatus): string[] {
  if (certificate.notAfter === undefined) return [];
  const labels = {
    names: certificate.names.join(','),
    source: certificate.source,
    serial: certificate.serialNumber ?? '',
  };
  const text = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return [`${gauge}{${text.join(',')}} ${Date.parse(certificate.notAfter) / 1000}`];
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Names as an operator gives them for certificates that are issued here. */
import { normalizeConfiguredName } from '../credential/server-name.js';

/**
 * The names of one certificate, normalised and without duplicates.
 * @param owner - the factory or source to blame
 * @throws TypeError when the list is empty or a name is neither a DNS name nor an IP address
 */
export function parseNames(owner: string, names: readonly string[]): readonly string[] {
  const normalized = names.map((name) => {
    const parsed = typeof name === 'string' ? normalizeConfiguredName(name) : undefined;
    if (parsed !== undefined) return parsed;
    throw new TypeError(`${owner}: names: ${JSON.stringify(name)} is neither a DNS name nor an IP address.`);
  });
  if (normalized.length === 0) throw new TypeError(`${owner}: names is empty; give at least one name.`);
  return [...new Set(normalized)];
}

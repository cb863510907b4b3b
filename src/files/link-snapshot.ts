/**
 * Links followed once: a link that leads somewhere else in the middle of a load (`..data` of a Kubernetes volume, a
 * `current` of a deployment) is not asked again, so that certificate and key come from the same side of the swap.
 */
import { readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, sep } from 'node:path';

/** As many as Linux follows. */
const LONGEST_CHAIN = 40;

/** Where links led at one time, and the folders in which that may change. */
export class LinkSnapshot {
  readonly #targets = new Map<string, Promise<string | undefined>>();
  readonly #folders = new Set<string>();

  /** The folders of every link met and of every file found: where a change would be seen. */
  get folders(): readonly string[] {
    return [...this.#folders];
  }

  /** The path behind all links; where nothing can be followed (a pipe, a loop, something missing) as far as it goes. */
  async locate(path: string): Promise<string> {
    const { root } = parse(path);
    let done = root;
    let links = 0;
    const left = segments(path);
    for (let segment = left.shift(); segment !== undefined; segment = left.shift()) {
      const next = segment === '..' ? dirname(done) : join(done, segment);
      const target = await this.#targetOf(next);
      if (target === undefined) {
        // Of what is no folder nothing can be watched: the last segment stays out.
        if (left.length === 0) this.#folders.add(dirname(next));
        done = next;
        continue;
      }
      this.#folders.add(dirname(next));
      if (++links > LONGEST_CHAIN) return join(next, ...left);
      if (isAbsolute(target)) done = parse(target).root;
      left.unshift(...segments(target));
    }
    return done;
  }

  #targetOf(path: string): Promise<string | undefined> {
    const known = this.#targets.get(path);
    if (known !== undefined) return known;
    // What links of /proc lead to (`pipe:[7]`) is no path.
    const target = path.startsWith('/proc/')
      ? Promise.resolve(undefined)
      : readlink(path).catch(() => undefined);
    this.#targets.set(path, target);
    return target;
  }
}

function segments(path: string): string[] {
  const { root } = parse(path);
  return path
    .slice(root.length)
    .split(sep)
    .filter((segment) => segment !== '' && segment !== '.');
}

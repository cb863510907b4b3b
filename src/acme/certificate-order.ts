/**
 * From names to a certificate (RFC 8555 §7.4): take up the order that was begun, or begin one; validate, with another
 * type of challenge by another order where one fails; finalize; download.
 */
import { createPublicKey } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { CredentialInput } from '../credential/credential.js';
import { codeOf, isTlsmithError, TlsmithError } from '../errors.js';
import { createCertificateRequest } from '../x509/certificate-request.js';
import type { KeyPairType } from '../x509/key-algorithm.js';
import { generateKeyPair } from '../x509/key-pair.js';
import { downloadChain } from './certificate-chain.js';
import { type ChallengeFailure, ChallengePlan } from './challenge-plan.js';
import type { AcmeClient } from './client.js';
import { newOrder, type OrderWishes } from './new-order.js';
import { isSameKey, type OrderRecord, type OrderRecords } from './order-record.js';
import { poll } from './polling.js';
import { problemError } from './problem.js';
import type { Order } from './resources.js';
import type { ChallengeType, Solver } from './solvers.js';
import { validateAll } from './validation.js';

const LONGEST_PROCESSING_MS = 300_000;
/** What an order answers with whose URL is no longer known, or belongs to another account. */
const GONE = new Set([400, 403, 404, 410]);

/** One certificate to be had, for all its names. */
export interface CertificateOrder extends OrderWishes {
  readonly keyType: KeyPairType;
  /** The private key in use: an order for it has done its work. */
  readonly previousKey: string | undefined;
  readonly preferredChain: string | undefined;
  /** In the order in which they are tried; asked when it comes to it, because listeners open one after the other. */
  readonly solvers: () => readonly Solver[];
  readonly signal: AbortSignal;
}

/** What an order is made with. */
export interface OrderTools {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly records: OrderRecords;
  /** Whether the certificate of this order was handed out before and not taken. */
  readonly isRejected: (orderUrl: string) => boolean;
  readonly validated: (name: string, type: ChallengeType) => void;
  /** Takes an order out of what may be ordered; rejects when that is used up, or nobody may order for a while. */
  readonly permit: () => Promise<void>;
  /** Told of what was preferred and could not be had. */
  readonly lacking: (what: 'profile' | 'chain', name: string) => void;
  /** Told when another type of challenge is tried, and why. */
  readonly fellBack: (failures: readonly ChallengeFailure[]) => void;
}

/** A certificate with its key, and the order it came from. */
export interface Obtained extends CredentialInput {
  readonly orderUrl: string;
}

interface OpenOrder {
  readonly record: OrderRecord;
  readonly order: Order;
  readonly isResumed: boolean;
}

/** Gets one certificate. */
export async function obtainCertificate(request: CertificateOrder, tools: OrderTools): Promise<Obtained> {
  try {
    return await obtained(request, tools);
  } catch (error) {
    // A profile may be refused as late as by finalize. One that is only preferred must not stand in the way.
    if (request.profile?.isRequired !== false || codeOf(error) !== 'ACME_PROFILE_UNAVAILABLE') throw error;
    await tools.records.forget();
    tools.lacking('profile', request.profile.name);
    return obtained({ ...request, profile: undefined }, tools);
  }
}

async function obtained(request: CertificateOrder, tools: OrderTools): Promise<Obtained> {
  const { client } = tools;
  const open = await authorized(request, tools);
  const { url, key } = open.record;
  const finalized =
    open.order.status === 'ready'
      ? await client.finalize(open.order.finalize, await csrFor(request.names, open.record))
      : open.order;
  const { certificate } = await finished(open, finalized, { request, tools });
  const { preferredChain } = request;
  const { chain, isPreferred } = await downloadChain(client, certificate, preferredChain);
  if (!isPreferred && preferredChain !== undefined) tools.lacking('chain', preferredChain);
  return { cert: chain, key, orderUrl: url };
}

/** An order whose names are all validated. */
async function authorized(request: CertificateOrder, tools: OrderTools): Promise<OpenOrder> {
  const { client, clock, records, validated } = tools;
  const { signal } = request;
  const plan = new ChallengePlan(request.solvers);
  let open = (await resumed(request, tools)) ?? (await begun(request, tools));
  while (open.order.status === 'pending') {
    const failures = await validateAll(open.order.authorizations, { client, clock, plan, signal, validated });
    if (failures.length === 0) return decided(open, { request, tools });
    await records.forget();
    // Of an order taken up, what nobody was there to answer proves nothing: it counts from the next order on.
    if (!open.isResumed || failures.every(({ isOurs }) => isOurs)) {
      plan.exclude(failures);
      tools.fellBack(failures);
    }
    open = await begun(request, tools);
  }
  return open;
}

/** Takes up the order that was begun; undefined when there is none, or nothing can come of it any more. */
async function resumed(request: CertificateOrder, tools: OrderTools): Promise<OpenOrder | undefined> {
  const { client, records, isRejected } = tools;
  const record = await records.read();
  if (record === undefined || isRejected(record.url)) return undefined;
  if (request.previousKey !== undefined && isSameKey(record.key, request.previousKey)) return undefined;
  try {
    const { resource: order } = await client.order(record.url);
    return order.status === 'invalid' ? undefined : { record, order, isResumed: true };
  } catch (error) {
    if (isTlsmithError(error) && error.code === 'ACME_REFUSED' && GONE.has(Number(error['status'])))
      return undefined;
    throw error;
  }
}

async function begun(request: CertificateOrder, tools: OrderTools): Promise<OpenOrder> {
  const { client, records, permit } = tools;
  await permit();
  const { privateKey: key } = await generateKeyPair(request.keyType);
  const { url, order } = await newOrder(client, request, (profile) => {
    tools.lacking('profile', profile);
  });
  const record = { url, key, keyType: request.keyType };
  await records.write(record);
  return { record, order, isResumed: false };
}

interface Circumstances {
  readonly request: CertificateOrder;
  readonly tools: OrderTools;
}

/** The order once it has noticed that its authorizations are valid. */
async function decided(open: OpenOrder, { request, tools }: Circumstances): Promise<OpenOrder> {
  const { client, clock } = tools;
  const order = await poll(
    () => client.order(open.record.url),
    ({ status }) => status !== 'pending',
    // The last authorization was just seen valid: mostly the order is ready by now.
    { clock, signal: request.signal, limitMs: LONGEST_PROCESSING_MS, firstWaitMs: 0 },
  );
  return { ...open, order: order ?? open.order };
}

/** The order once it is valid, with the URL of its certificate. */
async function finished(
  { record }: OpenOrder,
  order: Order,
  { request, tools }: Circumstances,
): Promise<{ readonly certificate: string }> {
  const { client, clock, records } = tools;
  const isDecided = ({ status }: Order): boolean => status === 'valid' || status === 'invalid';
  const last = isDecided(order)
    ? order
    : await poll(() => client.order(record.url), isDecided, {
        clock,
        signal: request.signal,
        limitMs: LONGEST_PROCESSING_MS,
      });
  if (last?.certificate !== undefined) return { certificate: last.certificate };
  await records.forget();
  throw orderError(last ?? order, request.names);
}

async function csrFor(names: readonly string[], { key: privateKey, keyType }: OrderRecord): Promise<string> {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return (await createCertificateRequest(names, { keyType, privateKey, publicKey })).toString('base64url');
}

function orderError({ status, error }: Order, names: readonly string[]): TlsmithError {
  const doing = `to issue a certificate for ${names.join(', ')}`;
  if (error !== undefined) return problemError(error, { doing, names });
  return new TlsmithError(
    'ACME_REFUSED',
    `The certificate authority left the order for ${names.join(', ')} in the state ${status}, without a reason.`,
    { names, hint: 'It is ordered anew by the next attempt.' },
  );
}

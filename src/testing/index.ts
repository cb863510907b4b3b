/** What implementers of tlsmith's interfaces test against: entry point `tlsmith/testing`. */
export { storageConformance } from './storage-conformance.js';
export { type ConformanceCase, type OpenedStorage } from './conformance-case.js';
export {
  type Lease,
  type LockOptions,
  type PutOptions,
  type Storage,
  type StoredValue,
} from '../storage/storage.js';

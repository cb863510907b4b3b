// Half of all nonces rejected, no authorization reused; `npm run soak -- nonces` is the same with a thousand names.
import { expect, it } from '@jest/globals';
import { issueMany } from './issuances.js';

it('Certificates come from an authority that rejects every second nonce, and no client notices', async () => {
  const report = await issueMany(40);
  expect(report).toMatchObject({ certificates: 40, orders: 40, failures: [], faults: [] });
  expect(report.requests).toBeGreaterThan(10);
});

import { describe, expect, it } from '@jest/globals';
import { caaRecords } from '../../src/acme/caa-record.js';

const facts = { identity: 'ca.example', accountUrl: 'https://ca.example/acct/7' } as const;

describe('CAA records', () => {
  it('name authority, account and methods', () => {
    const types = ['tls-alpn-01', 'http-01'] as const;
    expect(caaRecords({ ...facts, types, hasWildcards: false })).toEqual([
      '0 issue "ca.example; accounturi=https://ca.example/acct/7; validationmethods=tls-alpn-01,http-01"',
    ]);
  });

  it('have a line of their own for wildcards, which only DNS records validate', () => {
    expect(caaRecords({ ...facts, types: ['dns-01', 'http-01'], hasWildcards: true })).toEqual([
      '0 issue "ca.example; accounturi=https://ca.example/acct/7; validationmethods=dns-01,http-01"',
      '0 issuewild "ca.example; accounturi=https://ca.example/acct/7; validationmethods=dns-01"',
    ]);
  });
});

import { expect, test } from 'vitest';

import { names, negotiate } from './media-types.ts';

test.each([
  [undefined, { format: 'json', representation: 'object' }],
  ['*/*', { format: 'json', representation: 'object' }],
  ['application/json;stream=watch', { format: 'json', representation: 'object' }],
  ['application/vnd.kubernetes.protobuf,application/json', { format: 'json', representation: 'object' }],
  ['application/yaml', { format: 'yaml', representation: 'object' }],
  ['application/yaml;q=0.5, application/json', { format: 'json', representation: 'object' }],
  [
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    { format: 'json', representation: 'table' },
  ],
  ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', { format: 'json', representation: 'metadata' }],
  [
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
    { format: 'json', representation: 'discovery' },
  ],
  ['application/vnd.kubernetes.protobuf', undefined],
  ['application/json;q=0', undefined],
  ['text/html', undefined],
])('a client that accepts %s gets the best of it', (header, expected) => {
  expect(negotiate(header)).toEqual(expected);
});

test.each([
  [undefined, false],
  ['*/*', false],
  ['application/*', false],
  ['application/json, application/vnd.kubernetes.protobuf;q=0', false],
  ['application/vnd.kubernetes.protobuf+delimited', false],
  ['application/vnd.kubernetes.protobuf,application/json', true],
  ['Application/VND.kubernetes.protobuf, */*', true],
  ['application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json', true],
])('whether %s names protobuf', (header, expected) => {
  expect(names(header, 'application/vnd.kubernetes.protobuf')).toBe(expected);
});

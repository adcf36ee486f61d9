// Copyright the zcbot sandbox worker authors.
// SPDX-License-Identifier: Apache-2.0
// Validates an AsyncAPI document with everything that it refers to: node validate.mjs FILE
import { fromFile, Parser } from '@asyncapi/parser';

const file = process.argv[2];
const { document, diagnostics } = await fromFile(new Parser(), file).parse();
const levels = ['error', 'warning', 'information', 'hint'];
for (const each of diagnostics) {
  const at = `${file}:${each.range.start.line + 1}`;
  console.log(`${at}: ${levels[each.severity]}: ${each.message} (${each.code}, ${each.path.join('/')})`);
}
process.exitCode = document === undefined || diagnostics.some((each) => each.severity < 2) ? 1 : 0;

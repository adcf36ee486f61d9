// SPDX-License-Identifier: Apache-2.0
// Lets E2B's SDK speak Protobuf, as its Python SDK can, instead of JSON:
//
//   node --import ./protobuf.mjs checks.mjs ...
import { register } from 'node:module'

const hooks = `
  import { readFile } from 'node:fs/promises'
  export async function load(url, context, next) {
    if (!/\\/e2b[a-z-]*\\/dist\\/index\\.m?js$/.test(url)) return next(url, context)
    const source = await readFile(new URL('index.mjs', url), 'utf8')
    const changed = source.replaceAll('useBinaryFormat: false', 'useBinaryFormat: true')
    if (changed === source) throw new Error('the SDK does not say useBinaryFormat: false any more')
    return { format: 'module', source: changed, shortCircuit: true }
  }`
register('data:text/javascript,' + encodeURIComponent(hooks))
process.env.SPEAKS_PROTOBUF = 'yes'

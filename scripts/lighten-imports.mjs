// Node's ES module loader wraps every builtin that is imported, at a third of a millisecond each. The ES modules in
// dist/ take them from `process.getBuiltinModule` instead, which does not; every supported Node has it.
import { readdir, readFile, writeFile } from 'node:fs/promises';

const dist = new URL('../dist/', import.meta.url);
const IMPORT = /^import \{([^}]*)\} from ['"](node:[a-z/0-9_]+)['"];$/gm;

for (const name of (await readdir(dist)).filter((file) => file.endsWith('.js'))) {
  const file = new URL(name, dist);
  const text = await readFile(file, 'utf8');
  const lighter = text.replace(
    IMPORT,
    (_, names, builtin) =>
      `const {${names.replaceAll(' as ', ': ')}} = process.getBuiltinModule('${builtin}');`,
  );
  const left = /^import .* from ['"]node:.*$/m.exec(lighter);
  if (left !== null) throw new Error(`dist/${name} still has: ${left[0]}`);
  await writeFile(file, lighter);
}

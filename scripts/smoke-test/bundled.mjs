// What a bundler makes of the package: one file, which needs nothing beside it.
import * as tlsmith from 'tlsmith';
import servesAPage from './serves-a-page.cjs';

void servesAPage(tlsmith);

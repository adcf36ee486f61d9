/** The command line. */
@NullMarked
package io.zcbot.sandbox.worker.cli;

import org.jspecify.annotations.NullMarked;

/** The worker with a Kafka broker of its own, in one process: the embedded default. */
@NullMarked
package io.zcbot.sandbox.standalone;

import org.jspecify.annotations.NullMarked;

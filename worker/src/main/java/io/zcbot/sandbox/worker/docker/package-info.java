/** The only place that knows docker-java. */
@NullMarked
package io.zcbot.sandbox.worker.docker;

import org.jspecify.annotations.NullMarked;

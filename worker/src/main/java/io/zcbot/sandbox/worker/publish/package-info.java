/** Kafka out: results and dead letters. */
@NullMarked
package io.zcbot.sandbox.worker.publish;

import org.jspecify.annotations.NullMarked;

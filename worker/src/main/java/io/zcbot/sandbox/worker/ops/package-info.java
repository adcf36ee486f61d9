/** Metrics, health and their HTTP surface. */
@NullMarked
package io.zcbot.sandbox.worker.ops;

import org.jspecify.annotations.NullMarked;

/** The worker's settings, read from the environment once and validated as a whole. */
@NullMarked
package io.zcbot.sandbox.worker.config;

import org.jspecify.annotations.NullMarked;

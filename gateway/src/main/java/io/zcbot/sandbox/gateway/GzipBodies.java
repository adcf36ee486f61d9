/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.http.encoding.ContentDecoder;
import io.helidon.http.encoding.ContentEncoder;
import io.helidon.http.encoding.ContentEncoding;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses the bodies of requests. Those who read a body count its bytes, so a small one that
 * becomes large ends at their bound. Responses are not compressed.
 */
final class GzipBodies implements ContentEncoding {
  @Override
  public Set<String> ids() {
    return Set.of("gzip", "x-gzip");
  }

  @Override
  public boolean supportsEncoding() {
    return false;
  }

  @Override
  public boolean supportsDecoding() {
    return true;
  }

  @Override
  public ContentDecoder decoder() {
    return Decompressed::new;
  }

  /**
   * A body that is decompressed as it is read. {@link GZIPInputStream} reads its header when it is
   * made, where a failure would be the server's.
   */
  private static final class Decompressed extends InputStream {
    private final InputStream body;
    private @Nullable InputStream content;

    Decompressed(InputStream body) {
      this.body = body;
    }

    private InputStream content() throws IOException {
      if (content == null) {
        content = new GZIPInputStream(body);
      }
      return content;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      try {
        return content().read(bytes, offset, length);
      } catch (EOFException e) {
        throw new ZipException("it ends too early");
      }
    }

    @Override
    public void close() throws IOException {
      if (content != null) {
        content.close();
      } else {
        body.close();
      }
    }
  }

  @Override
  public ContentEncoder encoder() {
    return ContentEncoder.NO_OP;
  }

  @Override
  public String name() {
    return "gzip";
  }

  @Override
  public String type() {
    return "gzip";
  }
}

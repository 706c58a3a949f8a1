package io.firesteel.compare
import com.fasterxml.jackson.databind.node.ObjectNode
private[compare] object Report { def html(data: ObjectNode): String = data.toString }

//! The five events: the first three are what products send today.

use serde_json::{Value, json};

/// In the order of a customer's day: captured, called, called again, transcribed, booked.
pub(super) fn events() -> Vec<Value> {
    vec![
        json!({
            "event": "lead.captured", "timestamp": "2024-12-06T10:30:00Z", "organizationId": "org_abc123",
            "data": {
                "leadId": "lead_xyz789", "name": "John Smith", "phone": "+1234567890", "email": "john@example.com",
                "reason": "Interested in services", "source": "AI_CALL", "callId": "call_def456"
            }
        }),
        json!({
            "event": "call.completed", "timestamp": "2024-01-27T15:30:00Z",
            "data": {
                "callId": "123", "status": "completed", "duration": 300, "transcription": "...",
                "analysis": { "sentiment": "positive", "summary": "...", "nextSteps": [] }
            }
        }),
        json!({
            "event": "call.ended", "callId": "call_abc123", "direction": "inbound", "status": "completed",
            "durationSeconds": 247, "fromNumber": "+15551234567", "toNumber": "+15559876543",
            "agentName": "Sales Agent", "summary": "Customer inquired about pricing for the premium plan...",
            "sentiment": "positive", "endedAt": "2026-02-17T12:34:56.789Z"
        }),
        json!({
            "event": "transcript.ready", "callId": "call_abc123", "transcript": "Agent: … Caller: …"
        }),
        json!({
            "event": "appointment.created", "timestamp": "2026-11-20T10:00:00Z", "organizationId": "org_abc123",
            "data": {
                "appointmentId": "apt_1", "callId": "call_def456", "title": "Demo",
                "start": "2026-11-24T15:00:00-05:00", "end": "2026-11-24T15:30:00-05:00",
                "timeZone": "America/New_York",
                "attendee": { "name": "John Smith", "email": "john@example.com", "phone": "+1234567890" },
                "conference": true
            }
        }),
    ]
}

//! Messages on their way to those who are told: durable before they leave, told once.

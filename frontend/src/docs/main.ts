import 'swagger-ui-dist/swagger-ui.css';
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle';

// The validator would send the contract to a server of someone else's.
SwaggerUI({ dom_id: '#docs', url: '/openapi.json', deepLinking: true, validatorUrl: null });
